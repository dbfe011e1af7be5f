package live

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropRights gives up what is not needed once the interfaces are open: it becomes the user, if one is named, loses all
// capabilities unless keep is set, and can gain no new ones. What was given up is named; kept reports that capabilities were
// not given up though they should be.
//
// A build with cgo can only become a user, which takes the capabilities of root away too: there are threads that Go does
// not know of.
func dropRights(name string, keep bool) (given []string, kept bool, err error) {
	if name != "" {
		if err := become(name); err != nil {
			return given, false, fmt.Errorf("-Z %s: %w", name, err)
		}
		given = append(given, "became user "+name)
	}
	if err := everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err == nil {
		given = append(given, "no new privileges")
	} else if !errors.Is(err, errors.ErrUnsupported) {
		return given, false, fmt.Errorf("no new privileges: %w", err)
	}
	if keep {
		return given, false, nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData // version 3 takes two
	if err := everyThread(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0); err == nil {
		given = append(given, "no capabilities")
	} else if !errors.Is(err, errors.ErrUnsupported) {
		return given, false, fmt.Errorf("capabilities: %w", err)
	} else if name == "" {
		var held [2]unix.CapUserData
		err := unix.Capget(&header, &held[0])
		return given, err == nil && held[0].Effective|held[1].Effective != 0, nil
	}
	return given, false, nil
}

// everyThread makes a system call on each thread of the process, or fails with errors.ErrUnsupported.
func everyThread(trap, a, b, c uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(trap, a, b, c, 0, 0, 0)
	switch errno {
	case 0:
		return nil
	case unix.ENOTSUP:
		return errors.ErrUnsupported
	}
	return errno
}

// become changes to a user, with its groups, for good.
func become(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return fmt.Errorf("no such user: %w", err)
		}
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	groups := []int{gid}
	if ids, err := u.GroupIds(); err == nil {
		groups = groups[:0]
		for _, id := range ids {
			if g, err := strconv.Atoi(id); err == nil {
				groups = append(groups, g)
			}
		}
	}
	// In this order: each step needs the rights that the next one takes.
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("groups: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("group %d: %w", gid, err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("user %d: %w", uid, err)
	}
	return nil
}
