// Respsniff reads captures of Redis traffic and says which callers got another command's reply, and why.
//
// Read analyze.go first: it holds the pipeline.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // --tz works on hosts and in images without a zone database

	"github.com/respsniff/respsniff/internal/report"
)

// Exit codes. A finding wins over unreadable input.
const (
	exitClean      = 0 // read whole, nothing at or above --fail-on
	exitFindings   = 1 // a finding at or above --fail-on
	exitIncomplete = 2 // some input unreadable, cut off or over a limit: a clean result cannot be trusted
	exitUsage      = 3 // usage or configuration
	exitInternal   = 4 // a fault of this program
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Stdin, os.Stdout, os.Stderr, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is the whole program as a function of its arguments and streams. It returns the exit code.
func run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) (code int) {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: os.LookupEnv}
	return a.run(ctx, args)
}

// exitError is an error that knows its exit code. With a nil err everything has been printed already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// usage gives an error the code of usage errors.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

func unreadable(err error) error { return &exitError{exitIncomplete, err} }

func (a *app) run(ctx context.Context, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(a.stderr, "respsniff: internal error: %s\n%s\nThis is a fault of respsniff. A report with the output of 'respsniff dump --stage exchanges FILE' helps to mend it.\n",
				report.Printable(fmt.Sprint(p)), debug.Stack())
			code = exitInternal
		}
	}()
	out := &sink{Writer: a.stdout}
	a.stdout = out
	code = a.execute(ctx, args)
	if out.err == nil {
		return code
	}
	if code == exitClean || code == exitFindings { // else it has been said
		a.fail(fmt.Errorf("standard output: %w", out.err))
	}
	return exitIncomplete
}

// execute runs the command that the arguments name.
func (a *app) execute(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	args, err := implied(root, args)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return exitClean
	}
	var coded *exitError
	if !errors.As(err, &coded) {
		// What cobra itself refuses: an unknown command, flag or number of arguments.
		coded = &exitError{exitUsage, err}
	}
	if coded.err != nil {
		a.fail(coded.err)
		if coded.code == exitUsage {
			fmt.Fprintln(a.stderr, "Try 'respsniff --help', or 'respsniff COMMAND --help'.")
		}
	}
	return coded.code
}
