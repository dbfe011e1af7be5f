package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// maxSaved bounds a saved report that is read back, in bytes.
const maxSaved = 256 << 20

// WriteJSON writes the document, indented, with everything beyond ASCII's printable range of HTML significance escaped
// as encoding/json does, so that it can also stand inside a page.
func WriteJSON(w io.Writer, d *Document) error {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteNDJSON writes one object a line: the incidents, the findings in rank order, then a "summary" line with everything
// else.
func WriteNDJSON(w io.Writer, d *Document) error {
	buf := bufio.NewWriter(w)
	enc := json.NewEncoder(buf)
	for i := range d.Incidents {
		w := wireIncident(&d.Incidents[i])
		w.Label = d.Label.printable()
		if err := enc.Encode(w); err != nil {
			return err
		}
	}
	for i := range d.Findings {
		w := wireFinding(&d.Findings[i])
		w.Label = d.Label.printable()
		if err := enc.Encode(w); err != nil {
			return err
		}
	}
	sum := d.wire()
	sum.Type = "summary"
	if err := enc.Encode(sum); err != nil {
		return err
	}
	return buf.Flush()
}

// Read reads a document that WriteJSON or WriteNDJSON wrote. Unknown fields and line types are ignored.
func Read(r io.Reader) (*Document, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSaved+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSaved {
		return nil, fmt.Errorf("larger than %d bytes", maxSaved)
	}
	var d Document
	dec := json.NewDecoder(bytes.NewReader(text))
	var findings []findingWire
	var incidents []incidentWire
	for line := 1; ; line++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err == io.EOF {
			return nil, fmt.Errorf("not a saved report: no document and no summary line in it")
		} else if err != nil {
			return nil, fmt.Errorf("value %d at byte %d: %w", line, dec.InputOffset(), err)
		}
		var head struct {
			Type          string `json:"type"`
			SchemaVersion int    `json:"schema_version"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return nil, fmt.Errorf("value %d: %w", line, err)
		}
		switch {
		case head.Type == "finding":
			var f findingWire
			if err := json.Unmarshal(raw, &f); err != nil {
				return nil, fmt.Errorf("value %d: %w", line, err)
			}
			findings = append(findings, f)
		case head.Type == "incident":
			var in incidentWire
			if err := json.Unmarshal(raw, &in); err != nil {
				return nil, fmt.Errorf("value %d: %w", line, err)
			}
			incidents = append(incidents, in)
		case head.SchemaVersion != 0:
			if err := json.Unmarshal(raw, &d); err != nil {
				return nil, fmt.Errorf("value %d: %w", line, err)
			}
			for i := range findings {
				f, err := findings[i].finding()
				if err != nil {
					return nil, fmt.Errorf("value %d: %w", i+1, err)
				}
				d.Findings = append(d.Findings, f)
			}
			for i := range incidents {
				in, err := incidents[i].incident()
				if err != nil {
					return nil, fmt.Errorf("incident %d: %w", i+1, err)
				}
				d.Incidents = append(d.Incidents, in)
			}
			return &d, nil
		}
	}
}
