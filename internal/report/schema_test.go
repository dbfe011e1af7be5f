package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compileSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const at = "https://github.com/respsniff/respsniff/schema/v1.json"
	if err := c.AddResource(at, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(at + "#/$defs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, schema string, text []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compileSchema(t, schema).Validate(v); err != nil {
		t.Errorf("%s: %v\n%.200s", schema, err, text)
	}
	if unknown := undescribed(t, schema, v); len(unknown) > 0 {
		t.Errorf("%s: fields that the schema does not describe: %v", schema, unknown)
	}
}

// undescribed lists the fields of v that the schema says nothing of: it allows them, for readers, but we may not write
// them.
func undescribed(t *testing.T, name string, v any) []string {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(Schema, &root); err != nil {
		t.Fatal(err)
	}
	defs := root["$defs"].(map[string]any)
	var unknown []string
	var walk func(schema map[string]any, v any, at string)
	walk = func(schema map[string]any, v any, at string) {
		if ref, ok := schema["$ref"].(string); ok {
			walk(defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any), v, at)
			return
		}
		if choices, ok := schema["anyOf"].([]any); ok {
			for _, s := range choices {
				if s := s.(map[string]any); s["type"] == "object" {
					walk(s, v, at)
				}
			}
			return
		}
		switch v := v.(type) {
		case []any:
			for i, x := range v {
				walk(schema["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))
			}
		case map[string]any:
			if _, open := schema["additionalProperties"]; open {
				return
			}
			props := schema["properties"].(map[string]any)
			for key, x := range v {
				p, ok := props[key].(map[string]any)
				if !ok {
					unknown = append(unknown, at+"."+key)
					continue
				}
				walk(p, x, at+"."+key)
			}
		}
	}
	walk(defs[name].(map[string]any), v, name)
	slices.Sort(unknown)
	return unknown
}

func TestOutputFollowsTheSchema(t *testing.T) {
	for name, d := range map[string]*Document{"sample": sample(), "empty": {}, "hostile": hostileDocument("\x1b\u202e<")} {
		var b bytes.Buffer
		if err := WriteJSON(&b, d); err != nil {
			t.Fatal(err)
		}
		validate(t, "document", b.Bytes())
		b.Reset()
		if err := WriteNDJSON(&b, d); err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n"))
		for i, line := range lines {
			schema := "finding"
			switch {
			case i == len(lines)-1:
				schema = "summary_line"
			case i < len(d.Incidents):
				schema = "incident"
			}
			validate(t, schema, line)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	for schema, texts := range map[string][]string{
		"finding":  {`{"type":"finding"}`, `{"type":"finding","rule":"RS1","name":"","severity":"low","confidence":"likely","title":"","fingerprint":"","count":1,"connections":1,"examples":[],"remedy":""}`},
		"exchange": {`{"type":"exchange","conn":0,"client":"","server":"","index":1,"command":"GET","frame":1,"time":"2026-11-21T19:24:21.293321Z","outstanding":0,"serves":null,"believes":null}`},
		"time":     {`"2026-11-21T19:24:21Z"`, `"2026-11-21 19:24:21.293321Z"`, `"2026-11-21T19:24:21.293321+01:00"`},
	} {
		for _, text := range texts {
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if compileSchema(t, schema).Validate(v) == nil {
				t.Errorf("%s accepts %s", schema, text)
			}
		}
	}
}

// TestRowsFollowTheSchema reads the golden rows of package rows, which this package knows nothing of.
func TestRowsFollowTheSchema(t *testing.T) {
	for list, row := range map[string]string{"exchanges": "exchange", "connections": "conn", "none": ""} {
		text, err := os.ReadFile(filepath.Join("rows", "testdata", list+".json"))
		if err != nil {
			t.Fatal(err)
		}
		validate(t, "rows", bytes.Replace(text, []byte(`"none"`), []byte(`"exchanges"`), 1))
		if text, err = os.ReadFile(filepath.Join("rows", "testdata", list+".ndjson")); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			validate(t, row, line)
		}
	}
}

// TestBoundsInEachForm: limits that were reached are in JSON, as the schema says, and in the text, each by its name
// with what it may hide; a name and a text can hold anything.
func TestBoundsInEachForm(t *testing.T) {
	d := sample()
	d.Reach(
		Bound{Name: "client groups", Limit: 32768, Hits: 5, Hides: "what clients had shown", Loses: Evidence},
		Bound{Name: "notes\x1b[31m", Limit: 8, Hits: 1, Hides: "further\x00 notes", Loses: Detail},
	)
	var b bytes.Buffer
	if err := WriteJSON(&b, d); err != nil {
		t.Fatal(err)
	}
	validate(t, "document", b.Bytes())
	var got struct {
		Complete bool
		Quality  struct {
			LimitsReached []string `json:"limits_reached"`
			Bounds        []Bound
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if bs := got.Quality.Bounds; got.Complete || len(bs) != 2 || bs[0] != d.Quality.Bounds[0] || bs[1].Hits != 1 || bs[1].Loses != Detail || len(got.Quality.LimitsReached) != 2 {
		t.Errorf("complete %v, bounds %+v", got.Complete, got.Quality)
	}
	if bytes.ContainsAny(b.Bytes(), "\x1b\x00") || strings.Contains(b.String(), `\u001b`) {
		t.Error("the name of a bound has what a terminal obeys")
	}
	b.Reset()
	if err := WriteText(&b, d, Options{}); err != nil {
		t.Fatal(err)
	}
	const line = "client groups: the limit of 32,768 was reached 5 times; it may hide what clients had shown"
	if text := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(text, line) {
		t.Errorf("the text does not say %q", line)
	}
}

// TestWhatABoundDoesToComplete: one that loses evidence makes a run incomplete, one that loses detail does not, in any order.
func TestWhatABoundDoesToComplete(t *testing.T) {
	evidence, detail := Bound{Name: "a", Hits: 1, Loses: Evidence}, Bound{Name: "b", Hits: 1, Loses: Detail}
	for _, c := range []struct {
		before  bool
		reached []Bound
		want    bool
	}{
		{true, nil, true},
		{true, []Bound{detail}, true},
		{true, []Bound{evidence}, false},
		{true, []Bound{evidence, detail}, false},
		{true, []Bound{detail, evidence}, false},
		{false, []Bound{detail}, false},
		{false, nil, false},
	} {
		d := Document{Complete: c.before}
		if d.Reach(c.reached...); d.Complete != c.want || len(d.Quality.Bounds) != len(c.reached) || len(d.Quality.LimitsReached) != len(c.reached) {
			t.Errorf("complete %v, then %+v: %v with %d bounds", c.before, c.reached, d.Complete, len(d.Quality.Bounds))
		}
	}
}
