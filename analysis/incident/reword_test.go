package incident

import "testing"

func TestReworded(t *testing.T) {
	for _, c := range []struct {
		name               string
		texts              []counted
		count, connections int
		want               string
	}{
		{"alone", []counted{{"3 reads timed out after 300 ms", 3, 2}}, 3, 2, "3 reads timed out after 300 ms"},
		{"counts", []counted{{"12 calls got it, on 5 connections", 12, 5}, {"3 calls got it, on 1 connection", 3, 1}}, 15, 6, "15 calls got it, on 6 connections"},
		{"equal numbers", []counted{{"13 calls got it, on 13 connections", 13, 13}, {"9 calls got it, on 4 connections", 9, 4}}, 22, 17, "22 calls got it, on 17 connections"},
		{"one becomes several", []counted{{"1 connection was used again", 1, 1}, {"1 connection was used again", 1, 1}}, 2, 2, "2 connections were used again"},
		{"one reply", []counted{{"1 reply is unread", 1, 0}, {"1 reply is unread", 1, 0}}, 2, 0, "2 replies are unread"},
		{"measures stay", []counted{{"4 reads timed out after 300 ms; 25 % at 198.18.0.4:6379", 4, 4}, {"1 read timed out after 300 ms", 1, 1}}, 5, 5,
			"5 reads timed out after 300 ms; 25 % at 198.18.0.4:6379"},
		{"a number beyond all bounds", []counted{{"99999999999999999999 of 2 calls", 2, 0}, {"1 call", 1, 0}}, 3, 0, "99999999999999999999 of 3 calls"},
	} {
		if got := reworded(c.texts, c.count, c.connections); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
