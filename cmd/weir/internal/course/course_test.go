package course_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/course"
)

func plus(a, b int64) int64 { return a + b }

// concat shows which points were joined, and in which order.
func concat(a, b string) string { return a + "+" + b }

func TestCourse_onePointAWidth(t *testing.T) {
	c := course.New(time.Second, 10, concat)
	for _, at := range []time.Duration{0, time.Second - 1, time.Second, 5 * time.Second, 5*time.Second + 1} {
		c.Add(at, at.String())
	}
	assert.Equal(t, []string{"0s+999.999999ms", "1s", "5s+5.000000001s"}, c.Points())
	assert.Equal(t, time.Second, c.Width())
}

func TestCourse_joinsTwoByTwo(t *testing.T) {
	c := course.New(time.Second, 4, concat)
	for i := range 5 {
		c.Add(time.Duration(i)*time.Second, fmt.Sprint(i))
	}
	assert.Equal(t, []string{"0+1", "2+3", "4"}, c.Points())
	assert.Equal(t, 2*time.Second, c.Width())
	c.Add(5*time.Second, "5")
	c.Add(2*time.Second, "late")
	assert.Equal(t, []string{"0+1", "2+3", "4+5+late"}, c.Points(), "what comes late is not lost")
}

// Points so far apart that doubling once joins none of them.
func TestCourse_farApart(t *testing.T) {
	c := course.New(time.Second, 3, concat)
	for i := range 4 {
		c.Add(time.Duration(i)*16*time.Second, fmt.Sprint(i))
	}
	assert.Equal(t, []string{"0+1", "2+3"}, c.Points())
	assert.Equal(t, 32*time.Second, c.Width())
}

func TestCourse_isBoundedAndLosesNothing(t *testing.T) {
	const seconds, most = 100_000, 600
	c := course.New(200*time.Millisecond, most, plus)
	for i := range seconds {
		c.Add(time.Duration(i)*time.Second, 1)
		require.LessOrEqual(t, len(c.Points()), most)
	}
	assert.Greater(t, len(c.Points()), most/2-1)
	sum := int64(0)
	for _, n := range c.Points() {
		sum += n
	}
	assert.EqualValues(t, seconds, sum)
}

func TestCourse_Left(t *testing.T) {
	c := course.New(time.Second, 10, plus)
	assert.Equal(t, time.Second, c.Left(0))
	assert.Equal(t, time.Nanosecond, c.Left(2*time.Second-1))
	assert.Equal(t, time.Second, c.Left(2*time.Second))
}

func TestBetween(t *testing.T) {
	c := course.New(time.Second, 10, plus)
	c.Add(time.Second, 10)
	c.Add(3*time.Second, 20)
	for _, tt := range []struct {
		from, to time.Duration
		want     float64
	}{
		{0, 9 * time.Second, 30},
		{0, time.Second, 0},
		{time.Second, 2 * time.Second, 10},
		{1500 * time.Millisecond, 3250 * time.Millisecond, 10},
		{1250 * time.Millisecond, 1500 * time.Millisecond, 2.5},
		{3 * time.Second, 3 * time.Second, 0},
		{4 * time.Second, 9 * time.Second, 0},
	} {
		assert.InDelta(t, tt.want, course.Between(c, tt.from, tt.to), 1e-9, "%v to %v", tt.from, tt.to)
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, stop := time.Now(), make(chan struct{})
		time.AfterFunc(2500*time.Millisecond, func() { close(stop) })
		var looks []time.Duration
		course.Watch(stop, func() time.Duration { return time.Second }, func() { looks = append(looks, time.Since(begin)) })
		assert.Equal(t, []time.Duration{time.Second, 2 * time.Second, 2500 * time.Millisecond}, looks)
	})
}
