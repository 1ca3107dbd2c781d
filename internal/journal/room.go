package journal

// A roomyFS can prepare its files for what will be written to them. Where a
// file holds zeros already a sync has only the bytes to write: neither is there
// room to be found for them, nor does the file become larger.
type roomyFS interface {
	FS
	// Room returns how large a file is before it is worth preparing, because those
	// that stay small take no room that they do not need, and what divides where
	// zeros begin and end. If from is zero no file is worth it.
	Room() (from, unit int64)
	// Again opens a file once more, to prepare it: an error of what the operating
	// system wrote is told once to each who has the file open, and the journal's
	// own sync must not miss it. It is an error if another file has the name by
	// now, which is not the journal's to write to.
	Again(name string, f File) (File, error)
}

// A roomyFile is a file that Again opened.
type roomyFile interface {
	// Blank writes n zeros from a place on. It need not wait until they are
	// durable, but leaves nothing for the next sync that takes long. If there is no
	// room it may do a part.
	Blank(at, n int64)
}

// maxRoom is how many zeros are written at once at most. They are no more than
// the file has already.
const maxRoom = 4 << 20

// A room is the zeros at the end of the file that is written.
type room struct {
	from, to int64 // what was blanked last, or is being blanked
	begun    bool  // it is, or was, and nobody has waited since
}

// waitForRoom waits until nothing is being blanked. The caller is who writes,
// and does not hold mu.
func (j *Journal[T]) waitForRoom() {
	if !j.room.begun {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.zeroing {
		j.idle.Wait()
	}
	j.room.begun = false
}

// makeRoom sees to it that there are zeros, or will be soon, behind what is
// written up to end, which zeros being written must not come after. Where
// nothing is synced the operating system finds room for much at once by itself.
func (j *Journal[T]) makeRoom(end, most int64) {
	fs, ok := j.dir.fs.(roomyFS)
	if !ok || j.o.Policy != Always {
		return
	}
	least, unit := fs.Room()
	if least == 0 || end < least {
		return
	}
	r := &j.room
	if end > r.from {
		j.waitForRoom()
	}
	n := min(maxRoom, end)
	if r.to-end >= n/2 || r.begun {
		return
	}
	from := r.to
	if from < end { // what comes next is not to wait
		from = end + n/2
	}
	from = roundUp(from, unit)
	n = min(roundUp(n, unit), roundUp(most, unit)-from)
	if n <= 0 {
		return
	}
	*r = room{from: from, to: from + n}
	f, err := fs.Again(fileName(j.number), j.file)
	if err != nil {
		return
	}
	r.begun = true
	j.mu.Lock()
	j.zeroing = true
	j.mu.Unlock()
	go func() {
		f.(roomyFile).Blank(from, n)
		f.Close()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.zeroing = false
		j.idle.Broadcast()
	}()
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// cut ends the file where its frames end.
func (j *Journal[T]) cut() error {
	j.waitForRoom()
	j.room = room{}
	return j.file.Truncate(j.size)
}

// giveRoomBack cuts the zeros off: the file is not written any more. Those that
// a process left there that was killed are among them.
func (j *Journal[T]) giveRoomBack() {
	if _, ok := j.dir.fs.(roomyFS); ok && j.o.Policy == Always {
		j.cut() // if that fails they stay, and are no part of the journal
	}
}
