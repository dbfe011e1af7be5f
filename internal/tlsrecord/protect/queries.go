package protect

// TellsSequence reports whether Sequence finds the sequence number of a record; else only trials do.
func (k *Keys) TellsSequence() bool { return !k.suite.chacha }

// TLS12 reports whether the keys are those of TLS 1.2, which never change.
func (k *Keys) TLS12() bool { return !k.suite.TLS13 }

// Lead is how many bytes of a record's body stand before its first encrypted byte.
func (k *Keys) Lead() int { return k.suite.prefix() }
