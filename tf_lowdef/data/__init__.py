"""Labelled images for an evaluation: arrays, CSV files, folders, TensorFlow Datasets."""
