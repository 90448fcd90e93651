# shellcheck shell=sh
# Records a JVM, and keeps the type information of the kernel's tracepoints.
# shellcheck source=lab/guest/lib.sh
. "${LAB_SCRIPT%/*}/lib.sh"
host_facts
evidence doctor "$FT" doctor --format json
evidence hello "$FT" record -o /tmp/hello.ft -- "$JAVA" -XX:+UseG1GC -Xms32m -Xmx256m -cp "$CLASSES" Hello
evidence pretouch "$FT" record -o /tmp/pretouch.ft -- "$JAVA" -XX:+UseSerialGC -Xms64m -Xmx64m -XX:+AlwaysPreTouch \
  -cp "$CLASSES" Hello
cp /tmp/hello.ft /tmp/pretouch.ft "$OUT"
rm /tmp/hello.ft /tmp/pretouch.ft
keep /sys/kernel/btf/vmlinux btf
