"""Recurrences, state spaces, memories, spikes; speech, forecasts and frames."""
