"""Steps and runs for analysis: pandas tables and a plotly timeline. Both libraries are imported when used."""
