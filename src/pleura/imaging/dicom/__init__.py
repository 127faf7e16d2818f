"""DICOM instances and pictures: read what they are, show them, wrap and derive them.

Everything here is a pure function over bytes and is meant to run inside the disposable worker of
`pleura.adapters.worker`, because the bytes are hostile until the last line here has accepted them.
The one error that leaves a public function is `pleura.domain.errors.BadInput`.
"""
