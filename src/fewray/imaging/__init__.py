"""Image files as grey arrays: decoding, grey-level scaling, resizing and classic augmentation."""
