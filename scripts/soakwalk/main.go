// Soakwalk captures on an interface until SIGINT and does nothing with the packets: what is left of the cost of
// 'respsniff live' without the analysis. It ends with the counts in the form of a summary line.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	"github.com/respsniff/respsniff/capture"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: soakwalk INTERFACE PORT")
		os.Exit(2)
	}
	if err := walk(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "soakwalk:", err)
		os.Exit(1)
	}
}

func walk(device, word string) error {
	port, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return err
	}
	l, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{device}, Filter: capture.LiveFilter{Ports: []uint16{uint16(port)}}})
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	packets, bytes := 0, 0
	for p, err := range l.Packets(ctx) {
		if err != nil {
			return err
		}
		if p.Length > 0 {
			packets++
			bytes += len(p.Data)
		}
	}
	d, err := l.Drops()
	if err != nil {
		return err
	}
	fmt.Printf("{\"packets\":%d,\"bytes\":%d,\"kernel_drops\":%d}\n", packets, bytes, d.Kernel)
	return nil
}
