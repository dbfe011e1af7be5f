// Package known remembers, by hash, what was last read and written in each database, and whose value a reply is by that: where
// all commands are alike no type tells which of them a reply serves, and its value does.
package known

import "math"

// Memory is what the keys of all servers were last seen to hold. A slot has room for one fact, and the latest displaces an older
// one: what is forgotten is no evidence for anything. No value is kept, only its hash.
type Memory struct {
	*tables // nil: nothing was learned
	// Of the replies to a question whose answer was known, where the reply before was another value: trials. Of these, those with
	// the answer that was known: same; and those that are nobody's but the other question's: foreign. They tell how much a value
	// says in this traffic: where keys are overwritten all the time, or share their values, nothing.
	trials, same, foreign int
}

// tables are small enough for the caches of a processor: 320 KiB.
type tables struct {
	facts  [slots]fact
	owners [slots]owner
}

const slots = 1 << 14

// fact is the last answer to a question.
type fact struct{ question, answer uint64 }

// owner is whose answer a value is, by parts of their hashes.
type owner struct{ value, question uint16 }

// several stands for the questions with the same answer.
const several = 0

// mix spreads a hash over all bits (the finaliser of MurmurHash3, which is in the public domain).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func tag(h uint64) uint16 { return uint16(h>>48) | 1 }

func (m *Memory) recall(question uint64) uint64 {
	if m.tables == nil {
		return 0
	}
	if f := &m.facts[question%slots]; f.question == question {
		return f.answer
	}
	return 0
}

// holds notes that a question now has this answer.
func (m *Memory) holds(question, answer uint64) {
	if m.tables == nil {
		m.tables = &tables{}
	}
	f := &m.facts[question%slots]
	if f.question == question && f.answer == answer {
		return
	}
	*f = fact{question, answer}
	switch o := &m.owners[answer%slots]; {
	case o.value != tag(answer):
		*o = owner{tag(answer), tag(question)}
	case o.question != tag(question):
		o.question = several
	}
}

// Exists reports whether the last answer to a question was a value, and not that there is none.
func (m *Memory) Exists(question uint64) bool {
	v := m.recall(question)
	return v != 0 && v != null
}

// Contradicts reports whether an answer is another one than what is known of its question.
func (m *Memory) Contradicts(question, answer uint64) bool {
	had := m.recall(question)
	return had != 0 && had != answer
}

// IsOf reports whether an answer is not what is known of its own question, and is what is known of another one, and of no third.
func (m *Memory) IsOf(answer, own, other uint64) bool {
	return own != 0 && other != 0 && own != other && answer != 0 && m.Contradicts(own, answer) && m.recall(other) == answer &&
		m.owners[answer%slots] == owner{tag(answer), tag(other)}
}

// chance is how likely it is, by what was seen so far, that a reply which is its own is known as the value of one other question
// and not as that of its own.
func (m *Memory) chance() float64 { return float64(m.foreign+1) / float64(m.trials+2) }

// steady is how likely it is that the answer to a question is the one that was known.
func (m *Memory) steady() float64 { return float64(m.same+1) / float64(m.trials+2) }

// Changed is how likely it is that so many questions whose answers are known have others now.
func (m *Memory) Changed(n int) float64 { return math.Pow(1-m.steady(), float64(n)) }

// Ratio is how likely an answer is if it is that of its own question, over how likely it is if it is that of another one; 1: it
// says nothing.
func (m *Memory) Ratio(own, other, answer uint64) float64 {
	switch {
	case m.IsOf(answer, own, other):
		return m.chance() / m.steady()
	case m.IsOf(answer, other, own):
		return m.steady() / m.chance()
	}
	return 1
}

// Mistaken takes back so many answers that were taken for those of other questions, and turned out to be their own.
func (m *Memory) Mistaken(n int) { m.trials, m.foreign = m.trials+n, m.foreign+n }

// Answer is a question with its answer.
type Answer struct{ Question, Value uint64 }

// learn takes an answer; before is the one before it on the same connection, and becomes this one.
func (m *Memory) learn(question, value uint64, before *Answer) {
	if had := m.recall(question); had != 0 && before.Question != question && before.Value != had && before.Question != 0 {
		m.trials++
		if value == had {
			m.same++
		} else if m.IsOf(value, question, before.Question) {
			m.foreign++
		}
	}
	*before = Answer{question, value}
	m.holds(question, value)
}

// forget takes that the answer to a question may have changed.
func (m *Memory) forget(question uint64) {
	if m.recall(question) != 0 {
		m.facts[question%slots] = fact{}
	}
}
