"""Images and frames of videos, turned into the image files of MIMIC-IT."""
