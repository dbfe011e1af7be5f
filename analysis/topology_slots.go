package analysis

import "bytes"

// readSlots reads CLUSTER SLOTS: for each range its first and last slot and its nodes, the master first, each with its
// preferred endpoint, port, id and, since Redis 7, a list of other endpoints:
//
//	*3 :0 :8191 *4 $9 10.0.0.1 :6379 $40 id *2 $8 hostname $6 node-a
func (m *ClusterMap) readSlots(raw []byte) {
	var (
		slots  [2]int64
		place  int // within a range
		field  int // within a node
		host   []byte
		port   int64
		id     string
		key    []byte
		extra  []byte // another host
		inNode bool
		master bool
	)
	flush := func() {
		if !inNode || port == 0 {
			inNode, master = false, false
			return
		}
		n := MapNode{ID: id}
		n.Addr, n.Host = m.address(host, port)
		if n.Host == "" && len(extra) > 0 {
			if a, name := m.address(extra, port); a.IsValid() && !n.Addr.IsValid() {
				n.Addr = a
			} else {
				n.Host = name
			}
		} else if !n.Addr.IsValid() && len(extra) > 0 {
			n.Addr, _ = m.address(extra, port)
		}
		index := m.add(n)
		if master {
			m.give(slots[0], slots[1], index)
		}
		inNode, master = false, false
	}
	tokens(raw, func(t token) bool {
		switch {
		case t.depth == 1 && t.open:
			flush()
			place = 0
		case t.depth == 2 && !t.open && place < 2:
			slots[place] = t.n
			place++
		case t.depth == 2 && t.open:
			flush()
			inNode, master = true, place == 2
			place++
			field, host, port, id, key, extra = 0, nil, 0, "", nil, nil
		case t.depth == 3 && !t.open:
			switch field {
			case 0:
				host = t.text
			case 1:
				port = t.n
			case 2:
				id = short(t.text)
			}
			field++
		case t.depth == 4 && !t.open && key == nil:
			key = append([]byte{}, t.text...)
		case t.depth == 4 && !t.open:
			if s := string(key); s == "hostname" || s == "ip" {
				extra = t.text
			}
			key = nil
		}
		return true
	})
	flush()
}

// readShards reads CLUSTER SHARDS: for each shard the word "slots" with pairs of first and last slot, and the word
// "nodes" with a list of words and values for each node.
func (m *ClusterMap) readShards(raw []byte) {
	var (
		section []byte
		ranges  []int64
		key     []byte
		inNode  bool
		id      string
		ip      []byte
		name    []byte
		port    int64
		tls     int64
		master  bool
	)
	flush := func() {
		if !inNode {
			return
		}
		if port == 0 {
			port = tls
		}
		if port == 0 {
			inNode = false
			return
		}
		n := MapNode{ID: id}
		n.Addr, n.Host = m.address(ip, port)
		if len(name) > 0 && len(name) <= nameWidth {
			n.Host = string(name)
		}
		index := m.add(n)
		for i := 0; master && i+1 < len(ranges); i += 2 {
			m.give(ranges[i], ranges[i+1], index)
		}
		inNode = false
	}
	tokens(raw, func(t token) bool {
		switch {
		case t.depth == 1 && t.open:
			flush()
			section, ranges = nil, ranges[:0]
		case t.depth == 2 && !t.open:
			section = t.text
		case t.depth == 3 && !t.open && string(section) == "slots":
			ranges = append(ranges, t.n)
		case t.depth == 3 && t.open:
			flush()
			inNode, master, key, id, ip, name, port, tls = true, false, nil, "", nil, nil, 0, 0
		case t.depth == 4 && !t.open && key == nil:
			key = t.text
			if key == nil {
				key = []byte{}
			}
		case t.depth == 4 && !t.open:
			switch string(key) {
			case "id":
				id = short(t.text)
			case "ip":
				ip = t.text
			case "hostname":
				name = t.text
			case "port":
				port = t.n
			case "tls-port":
				tls = t.n
			case "role":
				master = bytes.Equal(t.text, []byte("master"))
			}
			key = nil
		}
		return true
	})
	flush()
}
