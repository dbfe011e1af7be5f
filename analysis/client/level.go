package client

// Level is what connections taught that settled at once: Counts, which take 5 KiB and 12 more for the waits, once there is
// enough of it to be worth that. Of many populations hardly anything is ever seen.
type Level struct {
	few  []lesson
	full *Counts
}

// lesson is one number that counts.
type lesson struct {
	value float64
	of    lessonOf
}

type lessonOf uint8

const (
	lessonWait lessonOf = iota
	lessonThink
	lessonSetUp
	lessonGap
	lessonClosed
	lessonWritten
)

// maxLessons is how many are kept one by one: 1 KiB.
const maxLessons = 64

// Counts returns what was counted so far.
func (l *Level) Counts() *Counts {
	if l.full == nil {
		l.full = &Counts{}
		for _, x := range l.few {
			x.teach(l.full)
		}
		l.few = nil
	}
	return l.full
}

// AddTo adds what was counted so far to other counts.
func (l *Level) AddTo(c *Counts) {
	if l.full != nil {
		c.Add(l.full, 1)
	}
	for _, x := range l.few {
		x.teach(c)
	}
}

// Think is the distribution of the time from having a reply to the next write.
func (l *Level) Think() *Density {
	if l.full != nil {
		return NewDensity(&l.full.Think, &flat, flatWeight)
	}
	var h Hist
	for _, x := range l.few {
		if x.of == lessonThink {
			h.Add(x.value, 1)
		}
	}
	return NewDensity(&h, &flat, flatWeight)
}

// AddWait is Counts.AddWait.
func (l *Level) AddWait(d, weight float64) {
	if c := l.full; c != nil && c.Waits != nil {
		c.Waits[Fine(d)] += weight
		return
	}
	if weight == 1 && l.keep(lessonWait, d) {
		return
	}
	l.Counts().AddWait(d, weight)
}

// AddThink is Counts.AddThink.
func (l *Level) AddThink(d float64, setUp bool) {
	if l.full != nil {
		l.full.AddThink(d, setUp)
		return
	}
	of := lessonThink
	if setUp {
		of = lessonSetUp
	}
	if !l.keep(of, d) {
		l.Counts().AddThink(d, setUp)
	}
}

// AddGap is Counts.AddGap.
func (l *Level) AddGap(d float64) {
	if l.full != nil {
		l.full.AddGap(d)
		return
	}
	if !l.keep(lessonGap, d) {
		l.Counts().AddGap(d)
	}
}

// CountEnd is Counts.CountEnd.
func (l *Level) CountEnd(closed bool) {
	if l.full != nil {
		l.full.CountEnd(closed)
		return
	}
	of := lessonWritten
	if closed {
		of = lessonClosed
	}
	if !l.keep(of, 0) {
		l.Counts().CountEnd(closed)
	}
}

// keep keeps a number as it is, while there are few.
func (l *Level) keep(of lessonOf, value float64) bool {
	if l.full != nil || len(l.few) >= maxLessons {
		return false
	}
	l.few = append(l.few, lesson{value, of})
	return true
}

func (x lesson) teach(c *Counts) {
	switch x.of {
	case lessonWait:
		c.AddWait(x.value, 1)
	case lessonThink, lessonSetUp:
		c.AddThink(x.value, x.of == lessonSetUp)
	case lessonGap:
		c.AddGap(x.value)
	case lessonClosed, lessonWritten:
		c.CountEnd(x.of == lessonClosed)
	}
}
