"""What a model is worth: readers, judgement, calibration, reports and cards."""
