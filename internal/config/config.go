// Package config reads the user's configuration file: the values of flags, by their long names.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
)

// maxSize bounds a configuration file, in bytes.
const maxSize = 1 << 20

// Env looks a variable of the environment up.
type Env func(name string) (value string, ok bool)

// Place finds the configuration file where the command line names none. asked reports that the environment names it; else it
// need not exist. "" stands for no file.
func Place(env Env) (file string, asked bool) {
	if value, ok := env("RESPSNIFF_CONFIG"); ok && value != "" {
		return value, true
	}
	dir, ok := env("XDG_CONFIG_HOME")
	if !ok || dir == "" {
		home, ok := env("HOME")
		if !ok || home == "" {
			return "", false
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "respsniff", "config.yaml"), false
}

// Read reads a configuration file. One that was not asked for may be missing.
func Read(file string, asked bool) (map[string]any, error) {
	info, err := os.Stat(file)
	if !asked && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return nil, nil // a directory of somebody else, after a change of user
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxSize {
		return nil, fmt.Errorf("configuration %s: larger than %d bytes", file, maxSize)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("configuration %s: %s", file, yaml.FormatError(err, false, false))
	}
	return values, nil
}

// Words gives the words that a flag would be set to: one, or several for a list.
func Words(value any) ([]string, error) {
	switch v := value.(type) {
	case []any:
		var words []string
		for _, x := range v {
			one, err := Words(x)
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
