//go:build !linux

package live

import "errors"

// dropRights does nothing here but refuse -Z.
func dropRights(name string, _ bool) (given []string, kept bool, err error) {
	if name != "" {
		return nil, false, errors.New("-Z works on Linux only")
	}
	return nil, false, nil
}
