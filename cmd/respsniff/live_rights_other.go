//go:build !linux

package main

import "errors"

// dropRights does nothing here but refuse -Z.
func dropRights(name string, _ bool) ([]string, error) {
	if name != "" {
		return nil, errors.New("-Z works on Linux only")
	}
	return nil, nil
}
