"""The values that every room shares. Nothing here imports from outside `syphus.core`."""
