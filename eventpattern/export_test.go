package eventpattern

// RestingBytes returns the bytes that the largest of some scans in the pool keeps.
func RestingBytes() int {
	most := 0
	var taken []*scan
	for range 16 {
		s := scans.Get().(*scan)
		taken = append(taken, s)
		most = max(most, 24*cap(s.facts)+4*cap(s.contexts)+4*cap(s.arrays)+24*cap(s.seen)+cap(s.buf)+8*cap(s.sat)+cap(s.present))
	}
	for _, s := range taken {
		scans.Put(s)
	}
	return most
}
