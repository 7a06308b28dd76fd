"""Many runs laid side by side: planes of settings, the ladder, the live pad, the comparison."""
