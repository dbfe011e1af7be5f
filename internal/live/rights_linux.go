package live

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// dropRights gives up what is not needed once the interfaces are open: it becomes the user, if one is named, loses all
// capabilities unless keep is set, and can gain no new ones. What was given up is named. It holds for every thread, also for
// those of C libraries, which the Go runtime does not know of: psx calls them.
func dropRights(name string, keep bool) (given []string, err error) {
	if name != "" {
		if err := become(name); err != nil {
			return given, fmt.Errorf("-Z %s: %w", name, err)
		}
		given = append(given, "became user "+name)
	}
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return given, fmt.Errorf("no new privileges: %w", errno)
	}
	given = append(given, "no new privileges")
	if keep {
		return given, nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData // version 3 takes two
	if _, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0); errno != 0 {
		return given, fmt.Errorf("capabilities: %w", errno)
	}
	return append(given, "no capabilities"), nil
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
