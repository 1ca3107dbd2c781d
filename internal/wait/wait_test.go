package wait

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestList_wakesAllWhoEnteredBefore(t *testing.T) {
	var l List
	a, b := l.Enter(), l.Enter()
	assert.False(t, isClosed(a))
	l.Wake()
	assert.True(t, isClosed(a))
	assert.True(t, isClosed(b))
	later := l.Enter()
	assert.False(t, isClosed(later), "who enters later waits for the next change")
	l.Wake()
	assert.True(t, isClosed(later))
}

func TestList_wakesNobodyWhenNobodyWaits(t *testing.T) {
	var l List
	l.Wake()
	assert.False(t, isClosed(l.Enter()), "a change before the entry is not remembered")
	assert.Zero(t, testing.AllocsPerRun(100, new(List).Wake))
}

// A waiter that enters and then looks misses no change, however the goroutines
// interleave: else the bubble would end in a deadlock.
func TestList_missesNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const changes, waiters = 1000, 4
		var (
			l  List
			mu sync.Mutex
			n  int
			wg sync.WaitGroup
		)
		seen := func() int {
			mu.Lock()
			defer mu.Unlock()
			return n
		}
		for range waiters {
			wg.Go(func() {
				for {
					changed := l.Enter()
					if seen() == changes {
						return
					}
					<-changed
				}
			})
		}
		for range changes {
			mu.Lock()
			n++
			mu.Unlock()
			l.Wake()
		}
		wg.Wait()
	})
}
