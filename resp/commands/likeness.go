package commands

import (
	"bytes"

	"github.com/respsniff/respsniff/resp"
)

// Likeness is whose bytes a payload could be.
type Likeness uint8

// What a payload may begin like.
const (
	LikeNeither Likeness = iota // or like both
	LikeRequest
	LikeReply
)

// likenessDepth is how many elements of an array are looked at.
const likenessDepth = 64

// Like reports whether a payload begins like a request or like a reply. An array of bulk strings is a request only if the
// first is the name of a command that takes as many arguments: the same bytes could else be a reply whose first element,
// a field of a hash or a key, is called like a command. What remains in doubt must be decided by what follows.
func Like(p []byte) Likeness {
	if len(p) == 0 {
		return LikeNeither
	}
	switch p[0] {
	case '*':
		return likeArray(p)
	case '+', '-', ':', '$', '%', '>', '~', '_', '#', ',', '(', '=', '|', '!':
		return LikeReply
	}
	line, _, _ := bytes.Cut(p, []byte("\n"))
	word, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	if IsCommandName(word) && !bytes.Contains(line, []byte(" HTTP/")) {
		return LikeRequest
	}
	return LikeNeither
}

// likeArray tells a request from the reply that is an array, as far as the array was captured.
func likeArray(p []byte) Likeness {
	n, rest, ok := likeHeader(p, '*')
	switch {
	case !ok:
		return LikeNeither
	case n <= 0:
		return LikeReply // of no element, or null: nobody asks so
	}
	var args [2]resp.Arg
	req := resp.Request{NArgs: n, Args: args[:0]}
	for i := 0; i < min(n, likenessDepth) && len(rest) > 0; i++ {
		if rest[0] != '$' {
			return LikeReply // requests are of bulk strings only
		}
		size, body, ok := likeHeader(rest, '$')
		if ok && size < 0 {
			return LikeReply
		}
		if !ok || size > len(body)-2 {
			break
		}
		if i < 2 {
			req.Args = append(req.Args, resp.Arg{Bytes: body[:size], Len: size})
		}
		rest = body[size+2:]
	}
	if len(req.Args) == 0 || !IsCommandName(req.Args[0].Bytes) {
		if len(req.Args) > 0 && pushed(req.Args[0].Bytes) {
			return LikeReply
		}
		return LikeNeither
	}
	if c := Lookup(&req); c.Arity > 0 && n != c.Arity || c.Arity < 0 && n < -c.Arity {
		return LikeNeither
	}
	return LikeRequest
}

// pushed knows the first element of what RESP2 sends to subscribers.
func pushed(word []byte) bool {
	return string(word) == "message" || string(word) == "pmessage" || string(word) == "smessage"
}

// likeHeader reads the line of a length behind its type: *3 or $5.
func likeHeader(p []byte, kind byte) (n int, rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(p, []byte("\r\n"))
	if !ok || len(line) < 2 || len(line) > 10 || line[0] != kind {
		return 0, nil, false
	}
	digits := line[1:]
	if string(digits) == "-1" {
		return -1, rest, true
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, nil, false
		}
		n = n*10 + int(d-'0')
	}
	return n, rest, true
}
