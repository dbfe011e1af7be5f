package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/respsniff/respsniff/internal/config"
)

// settings fills the flags of cmd that the command line does not give: from RESPSNIFF_* in the environment, else from
// the configuration file.
func (a *app) settings(cmd *cobra.Command) error {
	file, asked := a.config, cmd.Flags().Changed("config")
	if !asked {
		file, asked = config.Place(a.env)
	}
	values, err := config.Read(file, asked)
	if err != nil {
		return err
	}
	normal := cmd.Flags().GetNormalizeFunc()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name := string(normal(cmd.Flags(), key))
		if _, twice := values[name]; twice && name != key {
			return fmt.Errorf("%s: the keys %q and %q are the same", file, key, name)
		}
		value := values[key]
		delete(values, key)
		values[name] = value
	}
	known := map[string]bool{}
	for _, c := range append(cmd.Root().Commands(), cmd.Root()) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !known[key] || key == "config" || key == "help" || key == "version" {
			return fmt.Errorf("%s: unknown key %q: keys are the long flags, see 'respsniff COMMAND --help'", file, key)
		}
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" || f.Name == "config" {
			return
		}
		name := envName(f.Name)
		if value, ok := a.env(name); ok && value != "" {
			failed = wrapSetting(name, setAll(cmd, f, []string{value}))
			return
		}
		if value, ok := values[f.Name]; ok {
			words, err := config.Words(value)
			if err == nil {
				err = setAll(cmd, f, words)
			}
			failed = wrapSetting(file+": "+f.Name, err)
		}
	})
	return failed
}

func envName(flag string) string {
	return "RESPSNIFF_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag))
}

func setAll(cmd *cobra.Command, f *pflag.Flag, words []string) error {
	for _, w := range words {
		if err := cmd.Flags().Set(f.Name, w); err != nil {
			return err
		}
	}
	return nil
}

func wrapSetting(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", place, err)
}
