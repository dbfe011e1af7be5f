package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/report"
)

// ruleParams are the values of the rules' parameters, by "rs301.share"; nil without.
type ruleParams map[string]*string

func parameterName(rule, param string) string { return strings.ToLower(rule) + "." + param }

// add adds a flag for each parameter. Completion knows them, and help has them in a topic of their own.
func (r *ruleParams) add(cmd *cobra.Command) {
	*r = ruleParams{}
	for _, d := range detectors.All() {
		for _, p := range d.Params {
			name := parameterName(d.ID, p.Name)
			(*r)[name] = cmd.Flags().String(name, "", fmt.Sprintf("%s; `VALUE`, default %s", p.Meaning, p.Default))
		}
	}
	for name := range retired {
		(*r)[name] = cmd.Flags().String(name, "", "no longer used")
		must(cmd.Flags().MarkHidden(name))
	}
	under(cmd, headParameters)
}

// retired are parameters of earlier versions, with what takes their place. They were thresholds; now it is weighed what each
// client was seen to do. Who still gives them is told, and not refused.
var retired = map[string]string{
	"rs101.min_gap":             "how long a client waits is estimated from its traffic; --read-timeout and --policy say it",
	"rs102.slack":               "how late its timers are is estimated from its traffic; --read-timeout says when they fire",
	"rs102.min_timeout_samples": "a read timeout is as sure as the waits that show it; --read-timeout says it",
	"rs104.bound":               "how soon a reply can come is estimated from the traffic",
	"rs110.gap":                 "how long a client waits is estimated from its traffic; --policy says whether it waits at all",
}

// warnRetired tells of parameters that were given and that nothing reads.
func (r ruleParams) warnRetired(a *app) {
	for _, name := range slices.Sorted(maps.Keys(retired)) {
		if r[name] != nil && *r[name] != "" {
			a.warn("--%s is no longer used: %s", name, retired[name])
		}
	}
}

// apply takes the parameters that were given.
func (r ruleParams) apply(o *analysis.Options) error {
	for _, d := range detectors.All() {
		for _, p := range d.Params {
			name := parameterName(d.ID, p.Name)
			if r[name] == nil || *r[name] == "" {
				continue
			}
			if err := p.Check(*r[name]); err != nil {
				return usagef("--%s %s: %v", name, *r[name], err)
			}
			if o.Params == nil {
				o.Params = map[string]string{}
			}
			o.Params[name] = *r[name]
		}
	}
	return nil
}

// byRuleName lets a parameter's rule go by its name, and be written in any case: --moved-storm.share is
// --rs301.share.
func byRuleName(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	rule, param, ok := strings.Cut(name, ".")
	if !ok || canonical(rule, param) { // as all are at the start of the program
		return pflag.NormalizedName(name)
	}
	if d, err := detectors.Named(rule); err == nil {
		name = parameterName(d.ID, strings.ToLower(param))
	}
	return pflag.NormalizedName(name)
}

// canonical reports whether the two halves of a parameter's name are as it is written in the list: rs301 and share.
func canonical(rule, param string) bool {
	digits := strings.TrimPrefix(rule, "rs")
	return digits != rule && digits != "" && strings.Trim(digits, "0123456789") == "" && param == strings.ToLower(param)
}

// newParametersTopic makes the page of 'respsniff help parameters'.
func newParametersTopic() *cobra.Command {
	topic := &cobra.Command{
		Use:   "parameters",
		Short: "The parameters of rules: --rs301.share and others",

		DisableFlagsInUseLine: true,
	}
	topic.SetHelpFunc(func(c *cobra.Command, _ []string) { fmt.Fprintln(c.OutOrStdout(), parametersPage()) })
	return topic
}

func parametersPage() string {
	var b strings.Builder
	b.WriteString(`Parameters are the thresholds of rules. Each is a flag of every command that runs the rules, a key
of the configuration file without the dashes, and a variable of the environment
(RESPSNIFF_RS301_SHARE). The rule may go by its name: --moved-storm.share. 'respsniff explain
RULE' says what a rule does with them.
`)
	for _, d := range detectors.All() {
		if len(d.Params) == 0 {
			continue
		}
		b.WriteString("\n" + report.HangBehind("", "", fmt.Sprintf("%s %s: %s", d.ID, d.Name, d.Summary)))
		for _, p := range d.Params {
			b.WriteString(report.HangBehind(fmt.Sprintf("  --%-26s ", parameterName(d.ID, p.Name)), strings.Repeat(" ", 31),
				p.Meaning+" (default "+p.Default+")"))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
