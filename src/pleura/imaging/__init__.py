"""What is in the picture: DICOM instances, safe decoding, rendering, marks and matching; pure functions."""
