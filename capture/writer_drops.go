package capture

// Dropped writes what the capturing side lost, in an Interface Statistics Block of the first interface, which is described
// if no packet has been written yet. It is to be called once, behind the packets.
func (w *Writer) Dropped(d Drops) error {
	if w.err != nil || !d.Known {
		return w.err
	}
	if len(w.interfaces) == 0 {
		if _, err := w.number(Packet{Link: LinkEthernet}); err != nil {
			return err
		}
	}
	w.begin(blockStatistics)
	w.u32(0) // the first interface
	w.u32(0) // at no particular time
	w.u32(0)
	for _, o := range []struct {
		code uint16
		n    int64
	}{{optStatInterfaceDrop, d.Interface}, {optStatKernelDrop, d.Kernel}} {
		w.u16(o.code)
		w.u16(8)
		w.u32(uint32(o.n))
		w.u32(uint32(o.n >> 32))
	}
	w.end(true)
	return w.err
}
