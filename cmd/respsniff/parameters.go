package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/report"
)

// ruleParams are the values of the rules' parameters, by "rs101.min_gap"; nil without.
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
	under(cmd, headParameters)
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

// byRuleName lets a parameter's rule go by its name, and be written in any case: --dirty-reuse.min_gap is
// --rs101.min_gap.
func byRuleName() func(*pflag.FlagSet, string) pflag.NormalizedName {
	ids := map[string]string{}
	for _, d := range detectors.All() {
		id := strings.ToLower(d.ID)
		ids[id], ids[d.Name] = id, id
	}
	return func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if rule, param, ok := strings.Cut(name, "."); ok {
			if id, known := ids[strings.ToLower(rule)]; known {
				return pflag.NormalizedName(parameterName(id, strings.ToLower(param)))
			}
		}
		return pflag.NormalizedName(name)
	}
}

// newParametersTopic makes the page of 'respsniff help parameters'.
func newParametersTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "parameters",
		Short: "The parameters of rules: --rs101.min_gap and others",

		DisableFlagsInUseLine: true,
		Long:                  parametersPage(),
	}
}

func parametersPage() string {
	var b strings.Builder
	b.WriteString(`Parameters are the thresholds of rules. Each is a flag of every command that runs the rules, a key
of the configuration file without the dashes, and a variable of the environment
(RESPSNIFF_RS101_MIN_GAP). The rule may go by its name: --dirty-reuse.min_gap. 'respsniff explain
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
