"""Whether MIMIC-IT files, ours or others', hold together; and dropping what dangles."""
