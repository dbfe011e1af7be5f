// Package view serves the page of a run on loopback: to who has its address, which nobody can guess, and to nobody else.
package view

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/page"
)

// Bounds of the server: it answers one person's browser.
const (
	headerTime  = 5 * time.Second
	answerTime  = time.Minute
	idleTime    = 5 * time.Minute
	maxHeader   = 1 << 14
	maxInFlight = 8
	maxRows     = 512 // commands in an answer
	maxFound    = 200 // commands that a search finds
	maxText     = 256 // bytes of a text to search for
)

// Server serves one run. Its data do not change.
type Server struct {
	listener net.Listener
	token    string
	trace    *page.Trace // nil: nothing was recorded
	document []byte
	run      []byte
	conns    func() ([]byte, error)
	busy     chan struct{}
}

// Listen begins to listen on a free port of 127.0.0.1. The data of d are those that its other outputs show.
func Listen(d *report.Document, o report.Options) (*Server, error) {
	t, _ := d.Trace.(*page.Trace)
	r := t.Run(d, o)
	run, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	document, err := page.Served(r)
	if err != nil {
		return nil, err
	}
	s := &Server{token: rand.Text(), trace: t, document: document, run: run, busy: make(chan struct{}, maxInFlight)}
	s.conns = sync.OnceValues(func() ([]byte, error) { return json.Marshal(t.Conns(d)) })
	s.listener, err = net.Listen("tcp4", "127.0.0.1:0")
	return s, err
}

// Address is where the page is.
func (s *Server) Address() string { return "http://" + s.host() + "/" + s.token + "/" }

func (s *Server) host() string { return s.listener.Addr().String() }

// Serve answers until ctx is done.
func (s *Server) Serve(ctx context.Context) error {
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
	}
	defer context.AfterFunc(ctx, func() { h.Close() })()
	if err := h.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP refuses what did not come from the page itself, or from its address:
//
//  1. another host name than the one it listens on: a name of somebody else that resolves to 127.0.0.1;
//  2. another origin: a page of somebody else that is open in the same browser;
//  3. an address without the token, which is the same as if nothing was there.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", page.Policy(true)+"; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if r.Host != s.host() {
		http.Error(w, "this is no name of this server", http.StatusForbidden)
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+s.host() {
		http.Error(w, "another page must not ask", http.StatusForbidden)
		return
	}
	token, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		http.NotFound(w, r)
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); name != "" && site != "" && site != "same-origin" {
		http.Error(w, "another page must not ask", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "it only shows", http.StatusMethodNotAllowed)
		return
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-r.Context().Done():
		return
	}
	if name == "" {
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.Write(s.document)
		return
	}
	s.data(w, r, name)
}

// data answers with a window of the run.
func (s *Server) data(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Set("Content-Type", "application/json")
	if name == "run.json" {
		w.Write(s.run)
		return
	}
	if s.trace == nil {
		http.NotFound(w, r)
		return
	}
	q := query{r: r}
	var answer any
	switch name {
	case "conns.json":
		text, err := s.conns()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(text)
		return
	case "ladder.json":
		from := q.number("from")
		ladder, ok := s.trace.Ladder(q.number("conn"), int(from), int(min(q.number("to"), from+maxRows)))
		if ok {
			answer = ladder
		}
	case "near.json":
		answer = s.trace.Near(q.number("conn"), q.number("at"))
	case "strip.json":
		from, to := q.number("from"), q.number("to")
		if q.bad = q.bad || to <= from; !q.bad {
			answer = s.trace.Closer(from, to)
		}
	case "find.json":
		if text := r.URL.Query().Get("q"); len(text) <= maxText {
			answer = append([]page.Found{}, s.trace.Find(text, r.URL.Query().Get("misread") != "", maxFound)...)
		}
	default:
		http.NotFound(w, r)
		return
	}
	if q.bad {
		http.Error(w, "what is asked for makes no sense", http.StatusBadRequest)
		return
	}
	text, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(text)
}

// query reads numbers.
type query struct {
	r   *http.Request
	bad bool
}

func (q *query) number(name string) int64 {
	n, err := strconv.ParseInt(q.r.URL.Query().Get(name), 10, 64)
	if err != nil {
		q.bad = true
	}
	return n
}
