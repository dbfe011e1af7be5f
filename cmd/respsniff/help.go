package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/nearest"
)

// Headings under which the help of a command lists its flags.
const (
	headInput      = "Input"
	headCapture    = "Capturing"
	headFilters    = "Filters (the same one twice: either; different ones: both)"
	headAnalysis   = "What is known beforehand"
	headOutput     = "Output"
	headPrivacy    = "Values and names"
	headRecording  = "Recording and evidence"
	headExit       = "Exit code"
	headBaseline   = "Accepted findings"
	headCommand    = "Flags"
	headGeneral    = "For every command"
	headParameters = "Parameters of rules" // not listed: 'respsniff help parameters' has them
)

// headings are in the order of the help.
var headings = []string{headCommand, headInput, headCapture, headFilters, headAnalysis, headOutput, headPrivacy, headRecording, headExit, headBaseline, headGeneral}

// headingKey marks a flag with its heading.
const headingKey = "heading"

// under puts the flags of a command that have no heading yet under one. Flags stand in the order in which they were added.
func under(cmd *cobra.Command, heading string) { underIn(cmd.Flags(), heading) }

func underIn(flags *pflag.FlagSet, heading string) {
	flags.SortFlags = false
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Annotations[headingKey] != nil {
			return
		}
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[headingKey] = []string{heading}
		switch {
		case f.DefValue == "[]" && f.Value.Type() != "stringArray" && f.Value.Type() != "stringSlice":
			f.DefValue = "" // pflag prints (default []) for other lists
		case strings.HasPrefix(f.DefValue, "[") && f.DefValue != "[]":
			f.DefValue = strings.Trim(f.DefValue, "[]")
		}
	})
}

func headingOf(f *pflag.Flag) string {
	if f.Name == "help" || f.Name == "version" {
		return headGeneral // every command has them from cobra
	}
	if h := f.Annotations[headingKey]; len(h) > 0 {
		return h[0]
	}
	return headCommand
}

// Groups of commands in the help of the program.
const (
	groupCapture = "capture"
	groupSaved   = "saved"
	groupLearn   = "learn"
)

var commandGroups = []*cobra.Group{
	{ID: groupCapture, Title: "What is in a capture"},
	{ID: groupSaved, Title: "Tests and saved runs"},
	{ID: groupLearn, Title: "More"},
}

// grouped puts commands into a group.
func grouped(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = group
	}
	return commands
}

// helpWidth is the widest that help is, in columns; it is narrower on a narrow terminal.
const helpWidth = 100

// usageOf writes what help prints below a command's description, for a terminal of so many columns; 0: for none.
func usageOf(c *cobra.Command, terminal int) error {
	var b strings.Builder
	if c.Runnable() && c.HasParent() {
		fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	} else {
		fmt.Fprintf(&b, "Usage:\n  %s COMMAND ...\n", c.CommandPath())
		if !c.HasParent() {
			fmt.Fprintf(&b, "  %s FILE...           the same as '%s analyze FILE...'; so is -r FILE\n", c.CommandPath(), c.CommandPath())
		}
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	listCommands(&b, c)
	width := helpWidth
	if terminal > 0 {
		width = min(max(terminal, 60), helpWidth)
	}
	sets := map[string]*pflag.FlagSet{}
	parameters := false
	collect := func(f *pflag.Flag) {
		h := headingOf(f)
		if parameters = parameters || h == headParameters; h == headParameters {
			return
		}
		if sets[h] == nil {
			sets[h] = pflag.NewFlagSet(h, pflag.ContinueOnError)
			sets[h].SortFlags = false
		}
		sets[h].AddFlag(f)
	}
	c.LocalFlags().SortFlags = false
	c.LocalFlags().VisitAll(collect)
	c.InheritedFlags().SortFlags = false
	c.InheritedFlags().VisitAll(collect)
	for _, h := range headings {
		if sets[h] != nil && sets[h].HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s", h, sets[h].FlagUsagesWrapped(width))
		}
	}
	if parameters {
		fmt.Fprintf(&b, "\nRules have parameters, such as --rs301.share: '%s help parameters' lists them.\n", c.Root().Name())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n'%s COMMAND --help' says more about a command.\n", c.CommandPath())
	}
	_, err := io.WriteString(c.OutOrStderr(), b.String())
	return err
}

// listCommands lists the commands below c by their groups, and the topics of help.
func listCommands(b *strings.Builder, c *cobra.Command) {
	list := func(title, prefix string, width int, wanted func(*cobra.Command) bool) {
		chosen := slices.DeleteFunc(slices.Clone(c.Commands()), func(sub *cobra.Command) bool { return !wanted(sub) })
		if len(chosen) == 0 {
			return
		}
		fmt.Fprintf(b, "\n%s:\n", title)
		for _, sub := range chosen {
			fmt.Fprintf(b, "  %-*s %s\n", width, prefix+sub.Name(), sub.Short)
		}
	}
	for _, g := range c.Groups() {
		list(g.Title, "", 11, func(sub *cobra.Command) bool { return sub.GroupID == g.ID && sub.IsAvailableCommand() })
	}
	title := "Commands"
	if len(c.Groups()) > 0 {
		title = "Others"
	}
	list(title, "", 11, func(sub *cobra.Command) bool { return sub.GroupID == "" && sub.IsAvailableCommand() })
	list("Topics", "help ", 16, func(sub *cobra.Command) bool { return sub.IsAdditionalHelpTopicCommand() })
}

// newHelpCommand makes the command that cobra would make, which takes an unknown topic for a success.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC]",
		Short: "Print the help of a command or a topic",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) (names []string, _ cobra.ShellCompDirective) {
			for _, c := range cmd.Root().Commands() {
				if len(args) == 0 && strings.HasPrefix(c.Name(), begun) && (c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand()) {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, words []string) error {
			about, rest, err := cmd.Root().Find(words)
			if err != nil || len(rest) > 0 || len(words) > 0 && about == cmd.Root() {
				text := fmt.Sprintf("help: there is no command and no topic %q", strings.Join(words, " "))
				if like := cmd.Root().SuggestionsFor(words[0]); len(like) > 0 {
					text += ": did you mean " + strings.Join(like, " or ") + "?"
				} else if rule, err := detectors.Named(words[0]); err == nil {
					text += fmt.Sprintf(": 'respsniff explain %s' prints the rule's page", rule.ID)
				}
				return usage(errors.New(text))
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}

// suggestFlag adds to an error about an unknown flag which one may be meant.
func suggestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 3 {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	i := nearest.Of(unknown.GetSpecifiedName(), names)
	if i < 0 {
		return fmt.Errorf("%w: 'respsniff %s --help' lists the flags", err, cmd.Name())
	}
	return fmt.Errorf("%w: did you mean --%s?", err, names[i])
}
