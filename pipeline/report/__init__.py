"""From frames to what people read: one frozen view, rendered as HTML, text, CSV and JSON."""
