// Something to compile: templates of the standard library, exceptions, a lambda.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct shape {
    virtual ~shape() = default;
    virtual double area() const = 0;
};

struct square : shape {
    explicit square(double side) : side(side)
    {
    }
    double area() const override
    {
        return side * side;
    }
    double side;
};

std::map<std::string, double> areas(const std::vector<std::unique_ptr<shape>> &shapes)
{
    std::map<std::string, double> result;
    for (const auto &item : shapes) {
        if (!item) {
            throw std::invalid_argument("no shape");
        }
        result["n" + std::to_string(result.size())] = item->area();
    }
    return result;
}

double largest(std::vector<double> values)
{
    std::sort(values.begin(), values.end(), [](double a, double b) { return a > b; });
    return values.empty() ? 0 : values.front();
}
