"""What a run leaves behind: result lists, MIMIC-IT files, counts. One file per format."""
