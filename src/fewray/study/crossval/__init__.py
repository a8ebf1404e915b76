"""The honest trial: grouped cross-validation of augmentation arms, everything fitted inside the folds."""
