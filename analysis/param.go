package analysis

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Param is a parameter of a rule, set by the flag --<id>.<name>.
type Param struct {
	Name, Default, Meaning string
}

// Param returns the value of the rule's parameter: as the user gave it, else its default. An unknown name gives "".
func (c *Collector) Param(name string) string {
	if v, ok := c.reg.o.Params[strings.ToLower(c.rule.ID)+"."+name]; ok && v != "" {
		return v
	}
	return c.defaultOf(name)
}

func (c *Collector) defaultOf(name string) string {
	for _, p := range c.rule.Params {
		if p.Name == name {
			return p.Default
		}
	}
	return ""
}

// Duration returns a parameter of the form "30s". What is no positive duration counts as not given.
func (c *Collector) Duration(name string) time.Duration {
	if d, err := time.ParseDuration(c.Param(name)); err == nil && d > 0 {
		return d
	}
	d, _ := time.ParseDuration(c.defaultOf(name))
	return d
}

// Number returns a parameter that is a positive whole number. What is none counts as not given.
func (c *Collector) Number(name string) int {
	if n, err := strconv.Atoi(c.Param(name)); err == nil && n > 0 {
		return n
	}
	n, _ := strconv.Atoi(c.defaultOf(name))
	return n
}

// Share returns a parameter of the form "1%" as a part of one. What is no such percentage counts as not given.
func (c *Collector) Share(name string) float64 {
	if x, ok := parseShare(c.Param(name)); ok {
		return x
	}
	x, _ := parseShare(c.defaultOf(name))
	return x
}

func parseShare(text string) (float64, bool) {
	number, percent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	return x / 100, percent && err == nil && x > 0 && x <= 100
}

// Check says what is wrong with a value for the parameter. What kind of value it takes, its default shows: a percentage,
// a whole number or else a duration.
func (p Param) Check(value string) error {
	if _, ok := parseShare(p.Default); ok {
		if _, ok = parseShare(value); !ok {
			return errors.New("want a percentage above 0, such as " + p.Default)
		}
		return nil
	}
	if _, err := strconv.Atoi(p.Default); err == nil {
		if n, err := strconv.Atoi(value); err != nil || n <= 0 {
			return errors.New("want a whole number above 0, such as " + p.Default)
		}
		return nil
	}
	if d, err := time.ParseDuration(value); err != nil || d <= 0 {
		return errors.New("want a duration above 0, such as 30ms")
	}
	return nil
}
