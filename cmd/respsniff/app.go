package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/buildinfo"
	"github.com/respsniff/respsniff/internal/bytesize"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/terminal"
)

// app is what every command shares: the streams, the environment, and the flags of the root command.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(name string) (string, bool)

	now func() time.Time // nil: the wall clock; only the days of baselines depend on it

	quiet   bool
	verbose bool
	config  string
	memory  bytesize.Size
}

// defaultMemory is --memory-limit where it is not given: what is kept of the traffic is scaled to it.
const defaultMemory = 512 << 20

// collectorLimit is the soft limit of the garbage collector, in bytes: what the program's own pages need stays below the
// memory limit too. The tables are scaled so that what lives in them is at most three fifths of it: the collector always
// has room.
func collectorLimit(memory int64) int64 { return max(memory-24<<20, memory*3/4) }

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "respsniff",
		Short: "Find Redis clients that read another command's reply, in packet captures",
		Long: `respsniff reads captures of Redis traffic and says which replies were read by the wrong caller,
which client and which connection did it, and why. Begin with: respsniff analyze FILE`,
		Version:       buildinfo.Line(),
		SilenceUsage:  true,
		SilenceErrors: true,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault // captures, beside the commands
		},
		PersistentPreRunE: func(cmd *cobra.Command, names []string) error {
			if err := a.settings(cmd); err != nil {
				return &exitError{exitUsage, err}
			}
			if err := a.overInput(cmd, names); err != nil {
				return err
			}
			debug.SetMemoryLimit(collectorLimit(int64(a.memory)))
			return nil
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &exitError{exitUsage, suggestFlag(cmd, err)} })
	a.memory = defaultMemory
	f := root.PersistentFlags()
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no warnings on stderr")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "more on stderr: what was decided about each input")
	f.StringVar(&a.config, "config", "", "`FILE` of settings, keys as the flags (default: respsniff/config.yaml in the user's config directory); the environment, such as RESPSNIFF_FAIL_ON, comes before it")
	f.Var(&a.memory, "memory-limit", "limit for memory, e.g. 512MiB: what is kept scales with it, and what is given up is reported")
	underIn(f, headGeneral)
	root.AddGroup(commandGroups...)
	root.AddCommand(grouped(groupCapture,
		newAnalyzeCommand(a),
		newViewCommand(a),
		newLiveCommand(a),
		newPairsCommand(a),
		newConnsCommand(a),
		newStatsCommand(a),
		newCutCommand(a),
		newSplitCommand(a),
		newDumpCommand(a),
	)...)
	root.AddCommand(grouped(groupSaved,
		newVerifyCommand(a),
		newDiffCommand(a),
		newMergeCommand(a),
		newRenderCommand(a),
		newGenerateCommand(a),
	)...)
	root.AddCommand(grouped(groupLearn,
		newExplainCommand(a),
		newInterfacesCommand(a),
		newVersionCommand(a),
	)...)
	root.SetHelpCommand(newHelpCommand())
	root.SetHelpCommandGroupID(groupLearn)
	root.SetCompletionCommandGroupID(groupLearn)
	root.AddCommand(newManCommand(), newParametersTopic())
	root.SetGlobalNormalizationFunc(byRuleName)
	root.SetUsageFunc(func(c *cobra.Command) error { return usageOf(c, terminal.Columns(a.stdout)) })
	for _, c := range root.Commands() {
		classify(c)
	}
	return root
}

// classify makes what c refuses in its arguments a usage error, and an error of its run without a code a fault of this
// program.
func classify(c *cobra.Command) {
	if args := c.Args; args != nil {
		c.Args = func(cmd *cobra.Command, names []string) error {
			if err := args(cmd, names); err != nil {
				return &exitError{exitUsage, fmt.Errorf("%s: %w", cmd.Name(), err)}
			}
			return nil
		}
	}
	if act := c.RunE; act != nil {
		c.RunE = func(cmd *cobra.Command, names []string) error {
			err := act(cmd, names)
			var coded *exitError
			if err == nil || errors.As(err, &coded) {
				return err
			}
			return &exitError{exitInternal, err}
		}
	}
}

// open opens a named file; "-" is standard input.
func (a *app) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(err)
	}
	return f, nil
}

// log writes to stderr, as --quiet and --verbose ask.
func (a *app) log() *notice.Log { return &notice.Log{W: a.stderr, Quiet: a.quiet, Verbose: a.verbose} }

// fail prints an error, whatever --quiet says.
func (a *app) fail(err error) { a.log().Fail(err) }

// warn prints one line on stderr unless --quiet.
func (a *app) warn(format string, args ...any) { a.log().Warn(format, args...) }

// today is the day that baselines are held against.
func (a *app) today() time.Time {
	if a.now != nil {
		return a.now()
	}
	return time.Now()
}
