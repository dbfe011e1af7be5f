package calibration

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
)

// place is a command as the clients' logs name it.
type place struct {
	port  uint16 // of the client
	index int    // on its connection, from 1
}

// entry is a caller that did not get its own reply.
type entry struct {
	reply int     // the command whose reply it got; nothing, or another
	time  float64 // s since 1970, when it had the reply or gave up; 0: not known
	found bool
}

// What an entry's caller got, where it is no known command's reply.
const (
	nothing = 0
	another = -1 // of which command is not in the log
)

// callers are the callers of a recording that did not get their own replies. Whoever is not there got its own.
type callers map[place][]*entry

// at returns the entry of a command that was written at a time; nil: it got its own reply. A port may be used again, so
// where the log has times they must agree; a caller waits 10 s at most.
func (c callers) at(p place, time float64) *entry {
	for _, e := range c[p] {
		if d := e.time - time; e.time == 0 || d > -0.1 && d < 10 {
			return e
		}
	}
	return nil
}

func (c callers) add(port uint16, index, reply int, time float64) {
	p := place{port, index}
	c[p] = append(c[p], &entry{reply: reply, time: time})
}

// misread counts the callers that got another's reply.
func (c callers) misread() (n int) {
	for p, list := range c {
		for _, e := range list {
			if e.reply != nothing && e.reply != p.index {
				n++
			}
		}
	}
	return n
}

// readLog reads a truth file, or the callers' own log.
func readLog(path string) (callers, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		if raw, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	}
	if strings.Contains(path, ".log.jsonl") {
		return ownLog(raw)
	}
	return truth(raw)
}

// call is an entry of a truth file. Several recorders wrote these, in words of their own.
type call struct {
	Port      uint16  `json:"lport"`
	Time      float64 `json:"t"`
	Index     int     `json:"idx"`
	CmdIndex  int     `json:"cmd_idx"`
	Believed  int     `json:"believed_idx"`
	Believed2 int     `json:"believed_cmd_idx"`
	Nth       *int    `json:"nth_reply"`
	Belongs   *int    `json:"reply_really_belongs_to_idx"`
}

// reply is the command whose reply was read.
func (c *call) reply() int {
	switch {
	case c.Nth != nil:
		return *c.Nth
	case c.Belongs != nil:
		return *c.Belongs
	}
	return another
}

func (c *call) index() int { return max(c.Index, c.CmdIndex, c.Believed, c.Believed2) }

// truth reads a truth file. Lists whose members are no calls are others' notes.
func truth(raw []byte) (callers, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	all := callers{}
	for name, list := range doc {
		var calls []call
		switch name {
		case "misreads", "misreads_not_quit", "case_a_quit_misreads", "wrong", "timeouts", "cancelled":
			if json.Unmarshal(list, &calls) != nil {
				continue
			}
		case "gave_up":
			var rows [][3]int // port, index, 0
			if err := json.Unmarshal(list, &rows); err != nil {
				return nil, err
			}
			for _, r := range rows {
				all.add(uint16(r[0]), r[1], nothing, 0)
			}
		}
		for _, c := range calls {
			reply := nothing
			if name != "timeouts" && name != "cancelled" {
				reply = c.reply()
			}
			if c.index() > 0 {
				all.add(c.Port, c.index(), reply, c.Time)
			}
		}
	}
	return all, nil
}

// ownLog reads a log with a line for each call. Where it does not number the replies read on a connection, they are counted.
func ownLog(raw []byte) (callers, error) {
	all := callers{}
	read := map[uint16]int{}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		var e struct {
			Event string `json:"ev"`
			Port  uint16 `json:"lport"`
			Index int    `json:"idx"`
			Nth   int    `json:"nth"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		reply := nothing
		if e.Event == "reply" {
			read[e.Port]++
			reply = read[e.Port]
			if e.Nth > 0 {
				reply = e.Nth
			}
		}
		if reply != e.Index {
			all.add(e.Port, e.Index, reply, 0)
		}
	}
	return all, nil
}
