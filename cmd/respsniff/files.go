package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// takesFiles lets a command read captures: those that its arguments name, and those of -r, as of tcpdump and tshark.
func takesFiles(cmd *cobra.Command) {
	var read []string
	cmd.Flags().StringArrayVarP(&read, "read-file", "r", nil, "capture `FILE` to read, the same as naming it without -r; repeatable")
	under(cmd, headInput)
	cmd.Args = func(_ *cobra.Command, names []string) error {
		if len(read)+len(names) == 0 {
			return errors.New("name a capture: a file, a directory, or - for standard input")
		}
		return nil
	}
	act := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		return act(cmd, slices.Concat(read, names))
	}
}

// implied puts the command analyze before arguments that name a capture and no command: 'respsniff a.pcap' and
// 'respsniff -r a.pcap'. What is neither a command nor a file is an error that says which command may be meant.
func implied(root *cobra.Command, args []string) ([]string, error) {
	analyze, _, err := root.Find([]string{"analyze"})
	if err != nil {
		return args, nil
	}
	line := readLine(args, func(name string) *pflag.Flag {
		for _, set := range []*pflag.FlagSet{analyze.Flags(), root.PersistentFlags()} {
			if f := set.Lookup(name); f != nil {
				return f
			}
			if len(name) == 1 && set.ShorthandLookup(name) != nil {
				return set.ShorthandLookup(name)
			}
		}
		return nil
	})
	switch {
	case line.asks || isCommand(root, line.word) || line.word == "" && !line.read && !line.strange:
		return args, nil
	case line.read || line.strange || line.word == "-":
		return slices.Concat([]string{"analyze"}, args), nil
	}
	if _, err := os.Stat(line.word); err == nil {
		return slices.Concat([]string{"analyze"}, args), nil
	}
	text := fmt.Sprintf("unknown command %q for %q, and there is no such file", line.word, root.Name())
	if like := root.SuggestionsFor(line.word); len(like) > 0 {
		text += ": did you mean " + strings.Join(like, " or ") + "?"
	}
	return nil, usage(errors.New(text))
}

// isCommand reports whether a word is a command, one of those that cobra adds among them.
func isCommand(root *cobra.Command, word string) bool {
	return slices.Contains([]string{"help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, word) ||
		slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == word || c.HasAlias(word) })
}

// commandLine is what matters of arguments before they are understood.
type commandLine struct {
	word    string // the first that is neither a flag nor the value of one
	read    bool   // -r stands before it
	asks    bool   // --help or --version does
	strange bool   // a flag that is not known does
}

// readLine reads arguments up to the first word.
func readLine(args []string, lookup func(name string) *pflag.Flag) (line commandLine) {
	// flag notes a flag; takes is true if it has a value.
	flag := func(name string) (takes bool) {
		f := lookup(name)
		switch {
		case name == "help" || name == "h" || name == "version":
			line.asks = true
		case f == nil:
			line.strange = true
		case f.Name == "read-file":
			line.read = true
		}
		return f != nil && f.NoOptDefVal == ""
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			line.word = strings.Join(args[i+1:min(i+2, len(args))], "")
			return line
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			line.word = arg
			return line
		case strings.HasPrefix(arg, "--"):
			name, _, has := strings.Cut(arg[2:], "=")
			if flag(name) && !has {
				i++
			}
			continue
		}
		for j := 1; j < len(arg); j++ {
			if flag(arg[j : j+1]) { // the rest is its value, or the next argument is
				if j == len(arg)-1 {
					i++
				}
				break
			}
		}
	}
	return line
}
