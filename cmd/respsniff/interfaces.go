package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

func newInterfacesCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "interfaces",
		Short: "List what 'live' can capture on",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format != "text" && format != "ndjson" {
				return usagef("interfaces: -o %s: want text or ndjson", format)
			}
			list, err := capture.ListInterfaces()
			if err != nil {
				return unreadable(fmt.Errorf("interfaces: %w", err))
			}
			if capture.LiveMethod() == "" {
				a.warn("this build cannot capture live; pipe another program in: tcpdump -i DEV -U -w - | respsniff analyze -")
			}
			return printInterfaces(a, list, format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or ndjson")
	under(cmd, headOutput)
	return cmd
}

// interfaceRow is the JSON form of an interface.
type interfaceRow struct {
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Up        bool     `json:"up"`
	Loopback  bool     `json:"loopback"`
	Link      string   `json:"link"`
	Addresses []string `json:"addresses"`
}

func printInterfaces(a *app, list []capture.LiveInterface, format string) error {
	enc := json.NewEncoder(a.stdout)
	table := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATE\tLINK\tADDRESSES")
	for _, i := range list {
		row := interfaceRow{Type: "interface", Name: report.Printable(i.Name), Up: i.Up, Loopback: i.Loopback, Link: linkWord(i.Link), Addresses: []string{}}
		for _, p := range i.Addrs {
			row.Addresses = append(row.Addresses, p.String())
		}
		if format == "ndjson" {
			if err := enc.Encode(row); err != nil {
				return fmt.Errorf("standard output: %w", err)
			}
			continue
		}
		state := "down"
		if row.Up {
			state = "up"
		}
		addresses := strings.Join(row.Addresses, " ")
		if row.Name == capture.AnyInterface {
			addresses = "all interfaces together"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.Name, state, row.Link, addresses)
	}
	if format == "ndjson" {
		return nil
	}
	return table.Flush()
}

func linkWord(l capture.LinkType) string {
	switch l {
	case capture.LinkEthernet:
		return "ethernet"
	case capture.LinkSLL:
		return "cooked"
	}
	return "ip"
}
