"""Pictures of decoded frames, as a viewer shows them: grey levels, colours, proportions, overlays."""
