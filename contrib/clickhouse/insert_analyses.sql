INSERT INTO analyses SETTINGS date_time_input_format = 'best_effort', input_format_skip_unknown_fields = 1, input_format_null_as_default = 1 FORMAT JSONEachRow
