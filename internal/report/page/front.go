package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"
	"sync"
)

// The front end is modules as a browser loads them, and as node runs them in tests. The page has them in one script,
// which its policy allows by hash: their imports and exports are taken out, and each stands behind those that it imports.
//
//go:embed front
var frontFiles embed.FS

// modules in the order of what they import.
var modules = []string{"dom.js", "time.js", "data.js", "hash.js", "top.js", "strip.js", "table.js", "scale.js", "detail.js", "picture.js", "ladder.js", "main.js"}

func front(name string) string {
	b, _ := frontFiles.ReadFile("front/" + name) // a test holds that all are in the program
	return string(b)
}

// script is all modules in one.
var script = sync.OnceValue(func() string {
	var b strings.Builder
	for _, name := range modules {
		for line := range strings.Lines(front(name)) {
			if strings.HasPrefix(line, "import ") {
				continue
			}
			b.WriteString(strings.TrimPrefix(line, "export "))
		}
	}
	return b.String()
})

// Policy is the Content-Security-Policy of the page: its own script and style by hash, and nothing else; with a server,
// data from there.
func Policy(served bool) string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	connect := ""
	if served {
		connect = "connect-src 'self'; "
	}
	return "default-src 'none'; script-src " + hash(script()) + "; style-src " + hash(front("page.css")) + "; " + connect + "base-uri 'none'; form-action 'none'"
}

// document is the page around its data; nil: it asks for them.
func document(h *head, data []byte, served bool) ([]byte, error) {
	var b bytes.Buffer
	top := map[string]string{"Title": h.Title, "Word": h.Word, "Sentence": h.Sentence, "Level": h.Level, "Policy": Policy(served)}
	if err := beginning().Execute(&b, top); err != nil {
		return nil, err
	}
	// Behind the templates, what is written is of this program, or JSON in which every < is escaped.
	b.WriteString("<style>" + front("page.css") + "</style>\n</head>\n<body>\n")
	if err := body().Execute(&b, top); err != nil {
		return nil, err
	}
	b.WriteString("<script type=\"application/json\" id=\"data\">" + cmp.Or(string(data), "null") + "</script>\n")
	b.WriteString("<script type=\"module\">" + script() + "</script>\n</body>\n</html>\n")
	return b.Bytes(), nil
}

var beginning = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("head").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{.Title}}</title>
`))
})

var body = sync.OnceValue(func() *template.Template { return template.Must(template.New("body").Parse(front("page.html"))) })

// Served is the page for a browser that asks a server for the data.
func Served(r *Run) ([]byte, error) { return document(r.head, nil, true) }
