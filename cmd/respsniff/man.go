package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// newManCommand makes the man pages. It is for packagers and hidden from the list.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the man pages of all commands into a directory",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(filepath.Clean(args[0]), 0o755); err != nil {
				return unreadable(err)
			}
			pageOfParameters(cmd.Root())
			// A fixed date keeps packages reproducible.
			date := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			header := &doc.GenManHeader{Title: "RESPSNIFF", Section: "1", Source: "respsniff", Date: &date}
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return unreadable(err)
			}
			return topicPages(cmd.Root(), *header, args[0])
		},
	}
}

// pageOfParameters keeps the parameters of rules out of the commands' pages: they have their own.
func pageOfParameters(root *cobra.Command) {
	for _, c := range root.Commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = f.Hidden || headingOf(f) == headParameters })
	}
}

// tables are the indented lines of a topic. In a man page, which is made of Markdown, they must not be filled.
var tables = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(\n  [^\n]*)+`)
})

// topicPages writes the topics of help, of which there is one: GenManTree leaves them out.
func topicPages(root *cobra.Command, header doc.GenManHeader, dir string) error {
	for _, c := range root.Commands() {
		if !c.IsAdditionalHelpTopicCommand() {
			continue
		}
		header.Title = strings.ToUpper(root.Name() + "-" + c.Name())
		c.Long = tables().ReplaceAllStringFunc(parametersPage(), func(table string) string {
			return "\n" + strings.ReplaceAll(table, "\n  ", "\n      ")
		})
		var page bytes.Buffer
		if err := doc.GenMan(c, &header, &page); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, root.Name()+"-"+c.Name()+".1"), page.Bytes(), 0o644); err != nil {
			return unreadable(err)
		}
	}
	return nil
}
