package bound

// Usual is the memory limit in bytes that limits are written down for.
const Usual = 512 << 20

// Scaled returns a limit that is right for the memory limit Usual, as it is for another one; 0 stands for Usual. At
// least an eighth of it stays: below 64 MiB it is not the tables that take the memory. All limits that are scaled, when
// reached together, leave two fifths of the memory limit to everything else, so that the collector has room.
func Scaled(limit int, memory int64) int {
	if memory <= 0 {
		return limit
	}
	return max(1, max(int(float64(limit)*float64(memory)/Usual), limit/8))
}

// Scaled is Scaled for the memory limit of the run.
func (s *Set) Scaled(limit int) int { return Scaled(limit, s.Memory) }
