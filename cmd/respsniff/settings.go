package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 1 << 20

// settings fills the flags of cmd that the command line does not give: from RESPSNIFF_* in the environment, else from
// the configuration file.
func (a *app) settings(cmd *cobra.Command) error {
	config, file, err := a.readConfig(cmd)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, c := range append(cmd.Root().Commands(), cmd.Root()) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	}
	for _, key := range slices.Sorted(maps.Keys(config)) {
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
		if value, ok := config[f.Name]; ok {
			words, err := configWords(value)
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

// configWords gives the words that a flag would be set to: one, or several for a list.
func configWords(value any) ([]string, error) {
	switch v := value.(type) {
	case []any:
		var words []string
		for _, x := range v {
			one, err := configWords(x)
			if err != nil {
				return nil, err
			}
			words = append(words, one...)
		}
		return words, nil
	case map[string]any:
		var words []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			words = append(words, fmt.Sprintf("%s=%v", key, v[key]))
		}
		return words, nil
	case nil:
		return nil, errors.New("has no value")
	}
	return []string{fmt.Sprint(value)}, nil
}

func (a *app) readConfig(cmd *cobra.Command) (config map[string]any, file string, err error) {
	file, asked := a.config, cmd.Flags().Changed("config")
	if !asked {
		if value, ok := a.env("RESPSNIFF_CONFIG"); ok && value != "" {
			file, asked = value, true
		} else {
			dir, ok := a.env("XDG_CONFIG_HOME")
			if !ok || dir == "" {
				home, ok := a.env("HOME")
				if !ok || home == "" {
					return nil, "", nil
				}
				dir = filepath.Join(home, ".config")
			}
			file = filepath.Join(dir, "respsniff", "config.yaml")
		}
	}
	info, err := os.Stat(file)
	if !asked && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return nil, "", nil // a directory of somebody else, after a change of user
	}
	if err != nil {
		return nil, "", fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxConfig {
		return nil, "", fmt.Errorf("configuration %s: larger than %d bytes", file, maxConfig)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, "", fmt.Errorf("configuration: %w", err)
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, "", fmt.Errorf("configuration %s: %s", file, yaml.FormatError(err, false, false))
	}
	return config, file, nil
}
