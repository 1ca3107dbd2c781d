package journal

// A roomyFile can ask the disk for room before it is needed. A sync that finds
// it there has less to do than one that has to find room for what was written.
type roomyFile interface {
	// Reserve asks for room for n bytes from a place on, without making the file
	// larger. If there is none, or no way to ask, it does nothing.
	Reserve(at, n int64)
}

const (
	// roomyBytes is how large a file is before room is asked for: those that stay
	// small take none that they do not need.
	roomyBytes = 64 << 10
	// maxRoom is how much is asked for at once at most. It is no more than the
	// file has already.
	maxRoom = 4 << 20
)

// reserveTo sees to it that there is room up to the file's end to be and, now
// and then, for more. Where nothing is synced the operating system finds room
// for much at once by itself.
func (j *Journal[T]) reserveTo(end int64) {
	f, ok := j.file.(roomyFile)
	if !ok || j.o.Policy != Always || end <= j.room || end < roomyBytes {
		return
	}
	j.room = end + min(maxRoom, end)
	f.Reserve(j.size, j.room-j.size)
}

// giveRoomBack gives back what room there is behind the file's end: the file is
// not written any more. Room that a process left there that was killed is among
// it.
func (j *Journal[T]) giveRoomBack() {
	if _, ok := j.file.(roomyFile); ok && j.o.Policy == Always {
		j.file.Truncate(j.size) // if that fails it is given back with the file
	}
}
