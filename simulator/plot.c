/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/plot.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_curve(const struct bg_plot *plot, FILE *out, bool f1)
{
    fprintf(out, "$%s << end\n", f1 ? "f1" : "accuracy");
    for (size_t i = 0; i < plot->count; i++) {
        const struct bg_plot_point *point = &plot->points[i];
        fprintf(out, "%llu %.6f\n", (unsigned long long)point->round, 100 * (f1 ? point->macro_f1 : point->accuracy));
    }
    fputs("end\n", out);
}

/* gnuplot reads a quoted path; the few characters that mean something to it there are escaped. */
static void write_path(FILE *out, const char *path)
{
    fputs("set output \"", out);
    for (; *path; path++) {
        if (*path == '"' || *path == '\\')
            fputc('\\', out);
        fputc(*path, out);
    }
    fputs("\"\n", out);
}

static void write_script(const struct bg_plot *plot, const char *path, FILE *out)
{
    fputs("set terminal pngcairo size 960,540 font 'sans,11' enhanced\n", out);
    write_path(out, path);
    write_curve(plot, out, false);
    write_curve(plot, out, true);
    fprintf(out,
            "set title \"%zu clients in %zu groups%s\"\n"
            "set xlabel 'round'\nset ylabel '%%'\nset grid ytics lc rgb '#dddddd'\nset border 3\n"
            "set tics nomirror out\nset key bottom right\nset yrange [*:100]\nset xrange [1:%llu]\n",
            plot->clients, plot->groups, plot->synthetic ? ", synthetic data" : "",
            (unsigned long long)(plot->rounds > 1 ? plot->rounds : 2));
    fputs("plot $accuracy using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb '#1f5f8b' title 'accuracy', "
          "$f1 using 1:2 with linespoints lw 2 pt 5 ps 0.6 lc rgb '#c8553d' title 'macro-F1'",
          out);
    if (plot->central > 0)
        fprintf(out, ", %.6f with lines dt 2 lc rgb '#1f5f8b' title 'accuracy, all data pooled'",
                100 * plot->central);
    fputc('\n', out);
}

enum bg_status bg_plot_draw(const struct bg_plot *plot, const char *path, struct bg_error *error)
{
    int ends[2];
    if (pipe(ends) != 0)
        return bg_fail(error, BG_IO, "%s: no pipe to gnuplot", path);
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return bg_fail(error, BG_NO_MEMORY, "%s: cannot start gnuplot", path);
    }
    if (child == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("gnuplot", "gnuplot", (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    /* Without gnuplot the other end closes at once; writing must not end this program. */
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    FILE *script = fdopen(ends[1], "w");
    if (script) {
        write_script(plot, path, script);
        fclose(script);
    } else {
        close(ends[1]);
    }
    int status = 0;
    waitpid(child, &status, 0);
    signal(SIGPIPE, before);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return bg_fail(error, BG_UNSUPPORTED, "%s: gnuplot is not installed", path);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return bg_fail(error, BG_IO, "%s: gnuplot failed", path);
    return BG_OK;
}
