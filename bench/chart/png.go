//go:build linux

package chart

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

const (
	scale      = 2 // pixels of the PNG for each of the scene
	dashOn     = 6
	dashOff    = 5
	markStroke = 1.5
	discSides  = 24
)

// EncodePNG writes the scene as a PNG file of twice its size in pixels.
func (s *Scene) EncodePNG(w io.Writer) error {
	c := canvas{image.NewRGBA(image.Rect(0, 0, int(s.width*scale), int(s.height*scale)))}
	draw.Draw(c.img, c.img.Bounds(), image.NewUniform(white), image.Point{}, draw.Src)
	for _, it := range s.items {
		switch it := it.(type) {
		case line:
			c.line(it)
		case box:
			c.fill(it.color, []point{{it.x, it.y}, {it.x + it.w, it.y}, {it.x + it.w, it.y + it.h}, {it.x, it.y + it.h}})
		case mark:
			c.mark(it)
		case label:
			c.label(it)
		}
	}
	return png.Encode(w, c.img)
}

// canvas draws scene items on pixels.
type canvas struct{ img *image.RGBA }

// fill paints polygons, which must all turn the same way, as one shape.
func (c canvas) fill(col color.RGBA, polygons ...[]point) {
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, polygon := range polygons {
		for _, p := range polygon {
			minX, maxX = min(minX, p.x*scale), max(maxX, p.x*scale)
			minY, maxY = min(minY, p.y*scale), max(maxY, p.y*scale)
		}
	}
	if minX > maxX {
		return
	}
	area := image.Rect(int(math.Floor(minX)), int(math.Floor(minY)), int(math.Ceil(maxX))+1, int(math.Ceil(maxY))+1)
	r := vector.NewRasterizer(area.Dx(), area.Dy())
	at := func(p point) (x, y float32) {
		return float32(p.x*scale - float64(area.Min.X)), float32(p.y*scale - float64(area.Min.Y))
	}
	for _, polygon := range polygons {
		for i, p := range polygon {
			if x, y := at(p); i == 0 {
				r.MoveTo(x, y)
			} else {
				r.LineTo(x, y)
			}
		}
		r.ClosePath()
	}
	r.Draw(c.img, area, image.NewUniform(col), image.Point{})
}

func (c canvas) line(l line) {
	var polygons [][]point
	for _, part := range dashes(l) {
		for i, p := range part {
			polygons = append(polygons, circle(p, l.width/2))
			if i == 0 {
				continue
			}
			if quad := segment(part[i-1], p, l.width/2); quad != nil {
				polygons = append(polygons, quad)
			}
		}
	}
	c.fill(l.color, polygons...)
}

// dashes cuts a dashed line into its strokes; another line is one stroke.
func dashes(l line) [][]point {
	if !l.dash {
		return [][]point{l.points}
	}
	var parts [][]point
	for i := 1; i < len(l.points); i++ {
		a, b := l.points[i-1], l.points[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		for from := 0.0; from < length; from += dashOn + dashOff {
			to := min(from+dashOn, length)
			parts = append(parts, []point{along(a, b, from/length), along(a, b, to/length)})
		}
	}
	return parts
}

func along(a, b point, t float64) point { return point{a.x + (b.x-a.x)*t, a.y + (b.y-a.y)*t} }

// segment is the rectangle around a stroke, turning the same way as circle
// does.
func segment(a, b point, half float64) []point {
	length := math.Hypot(b.x-a.x, b.y-a.y)
	if length == 0 {
		return nil
	}
	nx, ny := -(b.y-a.y)/length*half, (b.x-a.x)/length*half
	return []point{{a.x - nx, a.y - ny}, {b.x - nx, b.y - ny}, {b.x + nx, b.y + ny}, {a.x + nx, a.y + ny}}
}

func circle(at point, radius float64) []point {
	polygon := make([]point, discSides)
	for i := range polygon {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / discSides)
		polygon[i] = point{at.x + radius*cos, at.y + radius*sin}
	}
	return polygon
}

func (c canvas) mark(m mark) {
	outline := func(radius float64) []point {
		if m.shape == disc {
			return circle(m.at, radius)
		}
		x, y := m.at.x, m.at.y
		return []point{{x, y - radius}, {x + radius, y}, {x, y + radius}, {x - radius, y}}
	}
	c.fill(m.color, outline(m.radius+markStroke/2))
	if m.hollow {
		c.fill(white, outline(m.radius-markStroke/2))
	}
}

func (c canvas) label(l label) {
	f := face(l.size*scale, l.bold)
	defer f.Close()
	width := font.MeasureString(f, l.text)
	shift := fixed.Int26_6(0)
	switch l.anchor {
	case middle:
		shift = -width / 2
	case right:
		shift = -width
	}
	if !l.turned {
		d := font.Drawer{Dst: c.img, Src: image.NewUniform(l.color), Face: f,
			Dot: fixed.Point26_6{X: toFixed(l.at.x*scale) + shift, Y: toFixed(l.at.y * scale)}}
		d.DrawString(l.text)
		return
	}
	c.turnedLabel(l, f, width, shift)
}

// turnedLabel draws the text on a horizontal strip and turns that upright.
func (c canvas) turnedLabel(l label, f font.Face, width, shift fixed.Int26_6) {
	metrics := f.Metrics()
	ascent, height := metrics.Ascent.Ceil(), (metrics.Ascent + metrics.Descent).Ceil()
	strip := image.NewAlpha(image.Rect(0, 0, width.Ceil()+1, height))
	d := font.Drawer{Dst: strip, Src: image.Opaque, Face: f, Dot: fixed.Point26_6{Y: fixed.I(ascent)}}
	d.DrawString(l.text)
	length := strip.Bounds().Dx()
	x0, y0 := int(l.at.x*scale)-ascent, int(l.at.y*scale)-shift.Round()
	area := image.Rect(x0, y0-length+1, x0+height, y0+1)
	mask := image.NewAlpha(area)
	for y := range height {
		for x := range length {
			mask.SetAlpha(x0+y, y0-x, strip.AlphaAt(x, y))
		}
	}
	draw.DrawMask(c.img, area, image.NewUniform(l.color), image.Point{}, mask, area.Min, draw.Over)
}

func toFixed(v float64) fixed.Int26_6 { return fixed.Int26_6(math.Round(v * 64)) }
