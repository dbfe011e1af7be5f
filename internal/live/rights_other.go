//go:build !linux

package live

import "errors"

// dropRights does nothing here but refuse -Z.
func dropRights(name string, _ bool) (given []string, err error) {
	if name != "" {
		return nil, errors.New("-Z works on Linux only")
	}
	return nil, nil
}
